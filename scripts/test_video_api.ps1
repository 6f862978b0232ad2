#Requires -Version 7.0
<#
.SYNOPSIS
Upload a video to a service (dfb-ext serve), follow its job, and fetch its timeline, report and keyframes.
.EXAMPLE
./scripts/test_video_api.ps1 talk.mp4 -Folder results -Options @{ fps = 5; threshold = 0.3 }
.NOTES
The variable DFB_URL says where the service answers (http://127.0.0.1:8000), DFB_TOKEN is a token of it. Typed again, it follows
the same job.
#>
param(
    [Parameter(Mandatory)] [string] $Video,
    [string] $Folder,
    [hashtable] $Options = @{}
)
$ErrorActionPreference = 'Stop'
$url = if ($env:DFB_URL) { $env:DFB_URL.TrimEnd('/') } else { 'http://127.0.0.1:8000' }
$headers = if ($env:DFB_TOKEN) { @{ Authorization = "Bearer $env:DFB_TOKEN" } } else { @{} }
if (-not (Test-Path -LiteralPath $Video -PathType Leaf)) { throw "$Video is no file" }

$form = $Options.Clone()
$form.file = Get-Item -LiteralPath $Video
$job = Invoke-RestMethod -Method Post -Uri "$url/v1/video/analyze" -Headers $headers -Form $form
$address = "$url/v1/jobs/$($job.job_id)"
Write-Host "job $($job.job_id): $address"

while ($job.state -notin 'completed', 'failed', 'cancelled') {
    Start-Sleep -Seconds 1
    $job = Invoke-RestMethod -Uri $address -Headers $headers
    Write-Host "$($job.state), $($job.stage), $($job.progress) done"
}
if ($job.state -ne 'completed') { throw "the job is $($job.state): $($job.error)" }

if (-not $Folder) { $Folder = $job.job_id }
$null = New-Item -ItemType Directory -Force -Path (Join-Path $Folder 'keyframes')
$timeline = Join-Path $Folder 'timeline.json'
Invoke-WebRequest -Uri "$address/result" -Headers $headers -OutFile $timeline
Invoke-WebRequest -Uri "$address/report.html" -Headers $headers -OutFile (Join-Path $Folder 'report.html')
$frames = @((Get-Content -LiteralPath $timeline -Raw | ConvertFrom-Json -AsHashtable).keyframes).Count
for ($number = 1; $number -le $frames; $number++) {
    $file = Join-Path $Folder "keyframes/$number.jpg"
    Invoke-WebRequest -Uri "$address/keyframes/$number.jpg" -Headers $headers -OutFile $file
}
Write-Host "timeline.json, report.html and $frames keyframes are in $Folder"
